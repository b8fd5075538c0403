"""Build of the native modules; everything else about the package is in pyproject.toml.

Switches (environment variables):
    MEDIASRV_DEBUG=1             invariants and bounds checks, no optimisation that hides a frame
    MEDIASRV_SANITIZE=address    AddressSanitizer (preload its runtime when running)
    MEDIASRV_TRACE=1             line tracing of the native code, for coverage
    MEDIASRV_WITHOUT_IPSEC_MB=1  libcrypto alone, though libipsec-mb is installed (after `make clean`)
    MEDIASRV_WITHOUT_NATIVE=1    the Python package alone: for an editable install whose modules are built in place
Each combination of switches keeps its C and objects in a folder of its own, so that builds do not mix;
without a switch the C lies beside its source.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

SOURCES = Path("ext")
IPSEC_MB_MODULE = "mediaplane.secure.srtp_ipsec_mb"
USERS_OF_OPENSSL = (
    "mediaplane.secure.",
    "mediaplane.wire.stun",
    "mediaplane.transport",
    "mediaplane.worker",
    "mediaplane.loadgen.peer",
)
USERS_OF_OPUS = ("mediaplane.audio.opus",)
# What Cython's own output is full of is not said.
WARNINGS = ["-Wall", "-Wno-unused-function", "-Wno-sign-compare"]

debug = os.environ.get("MEDIASRV_DEBUG") == "1"
sanitize = os.environ.get("MEDIASRV_SANITIZE", "")
trace = os.environ.get("MEDIASRV_TRACE") == "1"
variant = "-".join(name for name, on in [("debug", debug), (sanitize, sanitize), ("trace", trace)] if on)


def pkg_config(*packages: str) -> dict[str, list[str]]:
    """Include folders, library folders and libraries of `packages`, as keywords of an Extension."""
    try:
        words = subprocess.run(
            ["pkg-config", "--cflags", "--libs", *packages], check=True, capture_output=True, text=True
        ).stdout.split()
    except (OSError, subprocess.CalledProcessError) as error:
        detail = getattr(error, "stderr", "") or str(error)
        sys.exit(
            f"mediasrv: cannot find {', '.join(packages)}: {detail.strip()}\n"
            "Run `make deps` to install what the build needs."
        )
    return {
        "include_dirs": [word[2:] for word in words if word.startswith("-I")],
        "library_dirs": [word[2:] for word in words if word.startswith("-L")],
        "libraries": [word[2:] for word in words if word.startswith("-l")],
    }


def has_ipsec_mb() -> bool:
    """Whether intel-ipsec-mb (header and library) is installed: try to link with it."""
    if os.environ.get("MEDIASRV_WITHOUT_IPSEC_MB") == "1":
        return False
    with tempfile.TemporaryDirectory() as folder:
        probe = Path(folder, "probe.c")
        probe.write_text("#include <intel-ipsec-mb.h>\nint main(void) { return imb_get_version() == 0; }\n")
        command = [os.environ.get("CC", "cc"), str(probe), "-o", str(probe.with_suffix("")), "-lIPSec_MB"]
        return subprocess.run(command, capture_output=True).returncode == 0


def libraries_of(module: str) -> dict[str, list[str]]:
    if module == IPSEC_MB_MODULE:
        return {"libraries": ["IPSec_MB"]}
    if module.startswith(USERS_OF_OPENSSL):
        return pkg_config("libssl", "libcrypto")
    if module.startswith(USERS_OF_OPUS):
        return pkg_config("opus")
    return {}


def extensions() -> list[Extension]:
    if os.environ.get("MEDIASRV_WITHOUT_NATIVE") == "1":
        return []
    if sanitize:
        optimise = ["-O1", "-g1", f"-fsanitize={sanitize}", "-fno-omit-frame-pointer"]
    elif debug:
        optimise = ["-O1", "-g"]
    else:
        optimise = ["-O3", "-g", "-fno-plt"]
    macros = [("MEDIASRV_DEBUG", "1")] * debug + [("CYTHON_TRACE_NOGIL", "1")] * trace
    found = []
    for source in sorted(SOURCES.rglob("*.pyx")):
        module = ".".join(source.relative_to(SOURCES).with_suffix("").parts)
        if module == IPSEC_MB_MODULE and not has_ipsec_mb():
            print("mediasrv: building without libipsec-mb: SRTP will use libcrypto, at about 3 times the CPU a packet")
            continue
        found.append(
            Extension(
                module,
                [str(source)],
                define_macros=macros,
                extra_compile_args=[*optimise, "-fvisibility=hidden", *WARNINGS],
                extra_link_args=[f"-fsanitize={sanitize}"] if sanitize else [],
                **libraries_of(module),
            )
        )
    return found


jobs = os.cpu_count() or 1
setup(
    ext_modules=cythonize(
        extensions(),
        nthreads=jobs,
        quiet="-q" in sys.argv,  # cythonize says two lines for each module
        build_dir=f"build/{variant}/c" if variant else None,
        include_path=[str(SOURCES)],
        compiler_directives={
            "language_level": "3",
            "boundscheck": debug,
            "wraparound": False,
            "initializedcheck": debug,
            "cdivision": True,
            "linetrace": trace,
            "freethreading_compatible": True,
        },
    ),
    options={"build_ext": {"parallel": jobs}},
)
