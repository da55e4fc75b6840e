"""The whole system on one machine: a local AWS, the Sienge simulator, the real template and binaries.

`python -m infra.local demo` is what `make demo` runs. The end-to-end tests use the same modules
on free ports and a temporary folder.
"""
