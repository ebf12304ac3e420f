"""`python -m cdp_constructs.cli`, which is `cdp`."""

from cdp_constructs.cli.main import main

if __name__ == "__main__":
    main()
