"""The test-bed: one Kubernetes node in namespaces of its own, and what the tests want beside it.

Standard library only, so that it runs on a bare Debian. `cli` is the way in.
"""
