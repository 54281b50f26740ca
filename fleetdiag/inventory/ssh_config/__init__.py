"""ssh_config as `ssh` itself reads it: parsed once a run into plain values, then looked up.

Why our own parser: docs/decisions/0002-ssh-config.md.
"""

from fleetdiag.inventory.ssh_config.expand import Names, expand_path, expand_tokens
from fleetdiag.inventory.ssh_config.lookup import Answer, SshConfig, read_ssh_config

__all__ = ["Answer", "Names", "SshConfig", "expand_path", "expand_tokens", "read_ssh_config"]
