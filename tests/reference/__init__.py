"""
An independent DualPath in PyTorch, written from the formulas of the model and not from libdualpath.
It says what the library's answers should be: it generates tests/golden and checks large models.
Run its programs from the root of the repository: `python -m tests.reference.run --help`.
"""
