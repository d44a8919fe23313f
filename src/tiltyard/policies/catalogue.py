"""Every hand-written policy by its kind, as it is when nobody says otherwise."""

from tiltyard.kernel.registry import Registry
from tiltyard.policies.breakout import Breakout
from tiltyard.policies.flat import Flat
from tiltyard.policies.policy import Policy
from tiltyard.policies.reversion import Reversion
from tiltyard.policies.trend import Trend

POLICIES: Registry[Policy] = Registry("policy_kind")

POLICIES.add("flat", Flat())
POLICIES.add("trend", Trend())
POLICIES.add("slow-trend", Trend(50, 200))
POLICIES.add("breakout", Breakout())
POLICIES.add("reversion", Reversion())
