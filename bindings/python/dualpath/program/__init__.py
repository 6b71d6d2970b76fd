"""``python -m dualpath``: the command line program for whoever has only the package. It takes the same
options as the program in C, and prints the same."""
