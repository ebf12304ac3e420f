"""What each service tells CloudWatch: metrics with AWS's names and dimensions.

Their changes of MiniStack are applied last, so that what the other extensions and an injected fault answer is counted.
"""
