"""What all tests of the harness share: properties have no deadline, since the machine may be busy with other things."""

from hypothesis import HealthCheck, settings

settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")
