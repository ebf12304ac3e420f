"""What the documentation site has beside the pages in `docs/`: the API reference, the catalogue by problem, folders."""
