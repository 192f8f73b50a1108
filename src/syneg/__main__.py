"""`python -m syneg` is the command `syneg`."""

from syneg.cli.main import main

if __name__ == "__main__":
    main()
