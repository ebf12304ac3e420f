"""`python -m cdp_constructs.local` is `cdp`."""

from cdp_constructs.cli.main import main

if __name__ == "__main__":
    main()
