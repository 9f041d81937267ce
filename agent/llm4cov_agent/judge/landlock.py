"""Gives rights up through Linux's Landlock, then becomes the program: `python landlock.py FOLDER [DEVICE...] -- PROGRAM ARGUMENTS`.

Run as a file of its own by `sandbox`, so it imports nothing of the project. It knows no program and no limits. Afterwards
files can be read everywhere and written below FOLDER alone; TCP is closed where the kernel can (ABI 4), signals and
abstract sockets reach no process outside (ABI 6). Not held: UDP, sockets that are files, and the modes, owners and times
of files that the user owns. Source of the numbers: the kernel's `include/uapi/linux/landlock.h`.
"""

from __future__ import annotations

import ctypes
import os
import signal
import struct
import sys
from collections.abc import Sequence

OLDEST_ABI = 3
"""Older kernels can't keep a process from truncating files outside the folder."""

REFUSED_STATUS = 125
"""Exit status if the rights can't be given up; the program is not started then."""

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG = 1
_PATH_BENEATH = 1
_NO_NEW_PRIVILEGES = 38

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_TRUNCATE, _IOCTL_DEVICE = 1 << 14, 1 << 15
_TO_IOCTL, _TO_TCP, _TO_SCOPES = 5, 4, 6
"""ABI versions from which on the kernel knows these."""
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")


def abi() -> int:
    """Ask the kernel for its Landlock ABI; 0 where there is none or it is switched off."""
    if not sys.platform.startswith("linux"):
        return 0
    return max(0, _call(_CREATE_RULESET, 0, 0, _VERSION_FLAG))


def restrict(folder: str, version: int, *, devices: Sequence[str] = ()) -> None:
    """Give up every right but to read files, to write below `folder` and to use some device files.

    Raises OSError if the kernel refuses.
    """
    in_folder = (1 << 15) - 1 | (_IOCTL_DEVICE if version >= _TO_IOCTL else 0)
    attributes = [in_folder]
    if version >= _TO_TCP:
        attributes.append(0b11)
    if version >= _TO_SCOPES:
        attributes.append(0b11)
    packed = struct.pack(f"={len(attributes)}Q", *attributes)
    rules = _checked(_CREATE_RULESET, packed, len(packed), 0)
    _allow(rules, "/", _EXECUTE | _READ_FILE | _READ_DIR)
    _allow(rules, folder, in_folder)
    for device in filter(os.path.exists, (*_DEVICES, *devices)):
        _allow(rules, device, (_WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEVICE) & in_folder)
    if ctypes.CDLL(None, use_errno=True).prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "no_new_privs")
    _checked(_RESTRICT_SELF, rules, 0)
    os.close(rules)


def main(arguments: list[str]) -> int:
    """Restrict this process and become the program; returns a status only if that fails."""
    border = arguments.index("--") if "--" in arguments else 0
    places, program = arguments[:border], arguments[border + 1 :]
    if not places or not program:
        print("usage: landlock.py FOLDER [DEVICE...] -- PROGRAM ARGUMENTS", file=sys.stderr)
        return REFUSED_STATUS
    version = abi()
    if version < OLDEST_ABI:
        print(f"Landlock: the kernel has ABI {version}, {OLDEST_ABI} is needed", file=sys.stderr)
        return REFUSED_STATUS
    try:
        restrict(places[0], version, devices=places[1:])
        # Python ignores these, and what is ignored stays so in the program.
        for number in (signal.SIGXFSZ, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        os.execvp(program[0], program)
    except OSError as error:
        print(f"Landlock: {error}", file=sys.stderr)
    return REFUSED_STATUS


def _allow(rules: int, path: str, rights: int) -> None:
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        _checked(_ADD_RULE, rules, _PATH_BENEATH, struct.pack("=Qi", rights, place), 0)
    finally:
        os.close(place)


def _checked(number: int, *arguments: int | bytes) -> int:
    result = _call(number, *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def _call(number: int, *arguments: int | bytes) -> int:
    values = [ctypes.c_char_p(one) if isinstance(one, bytes) else ctypes.c_long(one) for one in arguments]
    call = ctypes.CDLL(None, use_errno=True).syscall
    call.restype = ctypes.c_long
    return int(call(ctypes.c_long(number), *values))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
