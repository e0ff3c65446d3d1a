"""Calls of the built kubectl against a bed, or against the current kubeconfig with `CLUSTER=existing`."""
import json

from . import programs, settings
from .shell import run, succeeds


def kubectl(bed, *arguments, text=None):
    """Runs kubectl and returns what it prints."""
    return run(*_command(bed, arguments), text=text)


def kubectl_succeeds(bed, *arguments):
    return succeeds(*_command(bed, arguments))


def get(bed, *arguments):
    """One object, or a list, as data."""
    return json.loads(kubectl(bed, "get", *arguments, "-o", "json"))


def _command(bed, arguments):
    target = () if settings.existing() else ("--kubeconfig", bed.kubeconfig)
    return (programs.path("kubernetes"), "kubectl", *target, *arguments)
