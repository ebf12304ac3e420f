"""Reads a cloud assembly, the folder that `cdk synth` writes."""

from cdp_constructs.assembly.assets import FileAsset, ImageAsset
from cdp_constructs.assembly.errors import AssemblyError
from cdp_constructs.assembly.reading import read_assembly
from cdp_constructs.assembly.selection import matching, select
from cdp_constructs.assembly.stacks import DEFAULT_ACCOUNT, DEFAULT_REGION, StackArtifact

__all__ = [
    "DEFAULT_ACCOUNT",
    "DEFAULT_REGION",
    "AssemblyError",
    "FileAsset",
    "ImageAsset",
    "StackArtifact",
    "matching",
    "read_assembly",
    "select",
]
