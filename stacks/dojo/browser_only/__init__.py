"""Board D9, the author's: no server and no API, the browser calls Cognito, DynamoDB, S3 and SNS itself."""
