"""Files of public projects through the upload check and the thumbnails: ``python -m tools.public_files <folder>``."""
