"""EFS: file systems are folders of this machine, which last as long as the embedded cloud."""
