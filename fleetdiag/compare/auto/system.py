"""What the host is: names, kernel, processors, clock, hardware."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleetdiag.compare.auto.form import Forms, ignored, keys, lines, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fleetdiag.compare.auto.command import Call
    from fleetdiag.compare.auto.form import Entry

_HOSTNAMECTL = keys(
    "hostnamectl",
    *("Static hostname", "Transient hostname", "Operating System", "Kernel", "Architecture"),
    *("Virtualization", "Chassis", "Deployment", "Location", "Hardware Vendor", "Hardware Model"),
    *("Firmware Version", "CPE OS Name"),
    looks=r"\b(?:Static hostname|Operating System|Kernel): ",
)
_TIMEDATECTL = keys(
    "timedatectl",
    *("Time zone", "System clock synchronized", "NTP service", "RTC in local TZ"),
    *("NTP synchronized", "NTP enabled", "Network time on"),
    looks=r"^ *Time ?zone: ",
)
# Without clock rates, which move.
_LSCPU = keys(
    "lscpu",
    *("Architecture", "CPU op-mode(s)", "Byte Order", "CPU(s)", "On-line CPU(s) list"),
    *("Off-line CPU(s) list", "Thread(s) per core", "Core(s) per socket", "Socket(s)"),
    *("Core(s) per cluster", "Cluster(s)", "NUMA node*", "Vendor ID", "CPU family", "Model"),
    *("Model name", "Stepping", "Frequency boost", "Virtualization", "Hypervisor vendor"),
    *("Virtualization type", "L1d cache", "L1i cache", "L2 cache", "L3 cache", "Flags"),
    "Vulnerability *",
    looks=r"^Architecture: ",
)
_CPUINFO = (
    r"^(?:cpu MHz|bogomips|BogoMIPS|clock|apicid|initial apicid)\s*:.*",
    r"^(?:Serial)\s*:.*",
)
_CMDLINE = (r"\b(?:PART)?(?:UU)?ID=\S+", r"(?<=\bBOOT_IMAGE=)\([^)]*\)")

# Everything but whether it is in step: the offset only where it is a tenth of a second or more.
_CHRONY = (
    r"^(?!Leap status|System time|Stratum).*",
    r"^System time +: 0\.0\d* seconds.*",
    r"^Stratum +: (?:[1-9]|1[0-5])$",
)
# Of the peers only whether one is followed (`*`).
_NTPQ = (r"(?<=^\*).*", r"^[^*].*")
_CHRONY_SOURCES = (r"(?<=^\^\*).*", r"^(?!\^\*).*")

_DMI = (
    r"^\s*(?:Serial Number|Asset Tag|UUID|SKU Number|Service Tag|Chassis Serial)[^:]{0,40}:.*",
    r"^Handle 0x.*",
    r"^# dmidecode.*",
    r"\b(?:table at|Table at) \S+",
    r"^\s*(?:Current Speed|Voltage|Power-On Hours|Number of Power Cycles)\b.*",
)
# Health and the counters that are 0 on a healthy disk; the rest grows.
_SMART = (
    r"^(?!.*(?:overall-health|SMART Health Status|Reallocated_Sector|Reallocated_Event"
    r"|Current_Pending|Offline_Uncorrectable|Reported_Uncorrect|UDMA_CRC|Critical Warning"
    r"|Media and Data|Device Model|Model Number|Model Family|Firmware|User Capacity|Rotation Rate"
    r"|FAILING_NOW|grown defect list|Non-medium error)).*"
)
_EPOCH = r"(?<!\d)1\d{9}(?:\.\d+)?(?!\d)"


def _chronyc(call: Call) -> Forms:
    if "tracking" in call.plain:
        return (lines("chronyc tracking", *_CHRONY),)
    return (lines("chronyc sources", *_CHRONY_SOURCES),) if "sources" in call.plain else ()


PROGRAMS: Mapping[str, Entry] = {
    "uname": (text("uname"),),
    "hostname": (text("hostname"),),
    "hostnamectl": (_HOSTNAMECTL,),
    "arch": (text("arch"),),
    "nproc": (text("nproc"),),
    "date": (text("date", mask=(_EPOCH, r"^\d\d:?\d\d(?::?\d\d)?$")),),
    "timedatectl": lambda call: (
        () if {"timesync-status", "show", "show-timesync"} & {*call.plain} else (_TIMEDATECTL,)
    ),
    "chronyc": _chronyc,
    "ntpq": lambda call: (lines("ntpq", *_NTPQ),) if call.has("-p", "--peers") else (),
    "ntpstat": (lines("ntpstat", r"^ .*", r"(?<=stratum ).*"),),
    "lscpu": lambda call: () if call.has("-J", "-e", "-p", "--json") else (_LSCPU,),
    "lspci": lambda call: () if call.has("-v") else (lines("lspci"),),
    "lsusb": (lines("lsusb", r"^Bus \d+ Device \d+: "),),
    "dmidecode": (lines("dmidecode", *_DMI),),
    "smartctl": lambda call: () if call.has("-j", "--json") else (lines("smartctl", _SMART),),
    "sensors": (ignored("sensors"),),
    "getenforce": (text("getenforce"),),
    "sestatus": (lines("sestatus"),),
    "lsb_release": (lines("lsb_release"),),
    "id": (text("id"),),
    "whoami": (text("whoami"),),
}

FILES: Mapping[str, Forms] = {
    "/etc/os-release": (keys("os-release", looks=r"^(?:NAME|ID|VERSION_ID|PRETTY_NAME)="),),
    "/usr/lib/os-release": (keys("os-release", looks=r"^(?:NAME|ID|VERSION_ID|PRETTY_NAME)="),),
    "/proc/cpuinfo": (lines("cpuinfo", *_CPUINFO, unmask=("hex",)),),
    "/proc/cmdline": (text("cmdline", mask=_CMDLINE),),
    "/proc/version": (text("version"),),
    "/etc/hostname": (text("hostname"),),
    "/etc/machine-id": (text("machine-id"),),
}
