"""What every test shares: property tests are judged by their properties, not by how busy the machine is."""

from hypothesis import HealthCheck, settings

# The same examples in every run: what is new is looked for by `make fuzz`, not by a build that fails now and then.
settings.register_profile("mediasrv", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("mediasrv")
