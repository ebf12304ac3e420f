"""What the functions of the price lists share: the form of a list, and where prices are kept."""
