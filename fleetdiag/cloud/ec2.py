"""What EC2 and AWS Health say of a fleet, asked side by side, each within a deadline.

Every function takes hosts and gives values with `problems`: what could not be had, in sentences.
None raises for anything that AWS, the network or the credentials do. `aws` is whose account is
asked (`Aws(profile)`); one shared between the calls saves resolving the credentials again.

docs/cloud.md has the permissions and what each problem means. Knows nothing of inventories.
"""

from fleetdiag.aws import Aws
from fleetdiag.cloud.ec2_console import consoles
from fleetdiag.cloud.ec2_find import find_instances
from fleetdiag.cloud.ec2_health import health_notices
from fleetdiag.cloud.ec2_status import instance_facts

__all__ = ["Aws", "consoles", "find_instances", "health_notices", "instance_facts"]
