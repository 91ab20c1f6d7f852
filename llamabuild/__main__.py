"""``python -m llamabuild``."""

from llamabuild.cli import main

if __name__ == "__main__":
    main()
