"""Amazon Redshift Serverless and its Data API."""
