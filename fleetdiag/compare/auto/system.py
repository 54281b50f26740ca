"""What the host is: names, kernel, processors, clock, hardware."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleetdiag.compare.auto.form import Form, Forms, high, ignored, keys, lines, low, numbers, text
from fleetdiag.model import Compare, Field, Mode, Side, Unit

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

# Whether it is in step, and how far away.
_CHRONY = keys(
    "chronyc tracking",
    "Leap status",
    fields=(
        Field(
            "System time",
            pattern=r"^([\d.]+) seconds",
            unit=Unit.SECONDS,
            floor=0.1,
            side=Side.HIGH,
        ),
        Field("Stratum", floor=5, side=Side.HIGH),
    ),
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
        return (_CHRONY,)
    if "sources" in call.plain:
        return (lines("chronyc sources", *_CHRONY_SOURCES),)
    moving = {"sourcestats", "ntpdata", "serverstats", "clients", "rtcdata"} & set(call.plain)
    return (ignored("chronyc"),) if moving else ()


# As it is told to people, or by `-u`.
_SENSORS = numbers(
    "sensors",
    *(
        low(f"fan{n}", rf"^ *fan{n}(?:_input)?: +(\d+)(?:\.\d+)?(?: RPM|$)", 1000)
        for n in range(1, 10)
    ),
    *(
        high(name, rf"^ *{name}(?:_input)?: +\+?(\d+(?:\.\d+)?)(?:.?C\b|.C|$)", 15)
        for name in ("Package id 0", "Tctl", "Tdie", *(f"Core {n}" for n in range(8)), "temp1")
    ),
    looks=r"^ *(?:fan[1-9](?:_input)?: +\d+(?:\.\d+)?(?: RPM|$)"
    r"|(?:Package id 0|Tctl|Tdie|Core [0-7]|temp1(?:_input)?): +\+?\d)",
)


# The events of a board: which, not when.
_SEL = Form("ipmitool sel", Compare(mode=Mode.LOG, mask=(r"^ *[0-9a-f]+ \|[^|]*\|[^|]*\|",)))


def _ipmitool(call: Call) -> Forms:
    """Sensors by their state; events without their number and time."""
    if "sel" in call.plain and not {"clear", "info", "time"} & set(call.plain):
        return (_SEL,)
    if {"sensor", "sdr"} & set(call.plain):
        return (lines("ipmitool", r"(?<=\|) *-?\d[\d.]*(?: [A-Za-z%][\w ]*)? *(?=\|)"),)
    return ()


def _timedatectl(call: Call) -> Forms:
    verb = next(iter(call.plain), "")
    if verb == "timesync-status":
        return (_TIMESYNC,)
    if verb == "show-timesync":
        return (_SHOW_TIMESYNC,)
    return () if verb in {"show", "list-timezones"} else (_TIMEDATECTL,)


_TIMESYNC = numbers(
    "timedatectl timesync-status",
    Field("offset", r"^ *Offset: [+-]?(\S+)", unit=Unit.SECONDS, side=Side.HIGH),
    looks=r"^ *Server: ",
)
_SHOW_TIMESYNC = keys(
    "timedatectl show-timesync", *("*NTPServers", "RootDistanceMaxUSec", "PollIntervalM*USec")
)


PROGRAMS: Mapping[str, Entry] = {
    "uname": (text("uname"),),
    "hostname": (text("hostname"),),
    "hostnamectl": (_HOSTNAMECTL,),
    "arch": (text("arch"),),
    "nproc": (text("nproc"),),
    "date": (text("date", mask=(_EPOCH, r"^\d\d:?\d\d(?::?\d\d)?$")),),
    "timedatectl": _timedatectl,
    "chronyc": _chronyc,
    "ntpq": lambda call: (lines("ntpq", *_NTPQ),) if call.has("-p", "--peers") else (),
    "ntpstat": (lines("ntpstat", r"^ .*", r"(?<=stratum ).*"),),
    "lscpu": lambda call: () if call.has("-J", "-e", "-p", "--json") else (_LSCPU,),
    "lspci": lambda call: () if call.has("-v") else (lines("lspci"),),
    "lsusb": (lines("lsusb", r"^Bus \d+ Device \d+: "),),
    "dmidecode": (lines("dmidecode", *_DMI),),
    "ipmitool": _ipmitool,
    "smartctl": lambda call: () if call.has("-j", "--json") else (lines("smartctl", _SMART),),
    "sensors": (_SENSORS, ignored("sensors")),
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
