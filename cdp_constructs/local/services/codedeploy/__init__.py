"""CodeDeploy: new versions of functions get the traffic of an alias by and by, and lose it again when they fail."""
