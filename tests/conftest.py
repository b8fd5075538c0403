"""What every test shares: property tests are judged by their properties, not by how busy the machine is."""

import os
import tempfile

from hypothesis import HealthCheck, settings

# A server that a test starts without saying where to keep its data does not keep it where the machine's own does.
_state = tempfile.TemporaryDirectory(prefix="mediasrv-tests-")
os.environ["XDG_STATE_HOME"] = _state.name
os.environ.pop("STATE_DIRECTORY", None)

# The same examples in every run: what is new is looked for by `make fuzz`, not by a build that fails now and then.
settings.register_profile("mediasrv", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("mediasrv")
