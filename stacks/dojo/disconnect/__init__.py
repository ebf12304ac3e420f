"""Board D3, Disconnect: a chat over the internet, with files that go straight to S3."""
