"""The built-in checklist, in the form in which people change it.

``tiltyard init`` writes this text, commented, into ``tiltyard.toml``; a guard of the
same name there replaces only the fields it gives.
"""

import tomllib

from tiltyard.checklist.parse import parse_checklist

DEFAULT_TEXT = """\
[[guard]]  # margin call or mistake: stop before asking
name = "account_drawdown_high"
scope = "account"
metric = "account_drawdown_pct"
expected = [0, 5]
when = "> 8"
effect = "stop_entries"  # for every arm
latch = true
priority = 5
severity = "critical"
alert = "AccountDrawdownHigh"
on_unknown = "report"

[[guard]]
name = "challenger_drawdown_high"
scope = "arm"
metric = "dd_challenger_pct"
expected = [0, 3]
when = "> 4"
effect = "halt"  # and revert to the champion
latch = true  # only a person re-arms
priority = 10
severity = "critical"
alert = "ChallengerDrawdownHigh"
stale_after = "15 min"  # of the last mark, while positions are open
on_unknown = "freeze_ramp_then_throttle"

[[guard]]
name = "account_daily_loss_high"
scope = "account"
metric = "account_daily_loss_pct"
expected = [0, 2]
when = "> 3"
effect = "freeze_challengers"
latch = true
priority = 15
severity = "critical"
alert = "AccountDailyLossHigh"
on_unknown = "report"

[[guard]]
name = "account_balance_low"
scope = "account"
metric = "account_balance"
when = "< 10"  # account currency: margin-call risk
effect = "freeze_challengers"  # no new challenger episodes
latch = true
priority = 16
severity = "critical"
alert = "AccountBalanceLow"
stale_after = "1 h"
on_unknown = "page"

[[guard]]  # what serves is not what was registered, or says no numbers
name = "model_unhealthy"
scope = "arm"
metric = "model_healthy"
when = "< 1"
effect = "halt"
latch = true
priority = 18
severity = "critical"
alert = "ModelUnhealthy"
stale_after = "1 h"
on_unknown = "report"

[[guard]]
name = "challenger_profit_factor_low"
scope = "arm"
metric = "pf_challenger_30"
expected = [2.1, 2.8]
when = "< 1.6"
min_samples = 30
effect = "throttle"  # to 0 %, and open a review
priority = 20
severity = "critical"
alert = "ChallengerProfitFactorLow"
stale_after = "10 min"  # of the bot's last heartbeat, where it sends any
on_unknown = "freeze_ramp_then_throttle"
cool_down = "1 d"
[guard.clear]  # the way back, by the shadow book
metric = "pf_30_with_shadow"
when = ">= 1.9"
trades = 30  # further ones
at_most = 2  # in 14 days, then a person
within = "14 d"

[[guard]]
name = "champion_profit_factor_low"
scope = "champion"
metric = "pf_challenger_30"
expected = [2.1, 2.8]
when = "< 1.6"
min_samples = 30
effect = "propose_rollback"
priority = 30
severity = "critical"
alert = "ChampionProfitFactorLow"
[guard.clear]
when = ">= 1.9"  # the next page needs a recovery first

[[guard]]
name = "champion_model_unhealthy"
scope = "champion"
metric = "model_healthy"
when = "< 1"
effect = "propose_rollback"
priority = 35
severity = "critical"
alert = "ChampionModelUnhealthy"
stale_after = "1 h"

[[guard]]
name = "system_downtime"
scope = "account"
metric = "up"
when = "< 1"
effect = "page"
priority = 40
severity = "critical"
alert = "SystemDowntime"
stale_after = "1 min"
on_unknown = "page"

[[guard]]
name = "api_error_rate_high"
scope = "account"
metric = "api_error_rate"
expected = [0, 1]
when = "> 5"
min_samples = 20  # calls in 5 minutes
effect = "freeze_ramp"
priority = 50
severity = "warning"
alert = "APIErrorRateHigh"
stale_after = "10 min"
[guard.clear]
when = "<= 2"

[[guard]]
name = "inference_latency_high"
scope = "account"  # the slowest policy's
metric = "inference_latency_p95_ms"
expected = [0, 100]
when = "> 250"
min_samples = 20  # decisions
effect = "freeze_ramp"
priority = 55
severity = "warning"
alert = "InferenceLatencyHigh"
stale_after = "10 min"
[guard.clear]
when = "<= 200"

[[guard]]
name = "encoder_kl_divergence_high"
scope = "arm"
metric = "encoder_kl_divergence"
expected = [0, 0.25]
when = "> 0.30"
only_if = "encoder_kl_divergence_lower > 0.30"  # beyond by the lower end of its interval, too
effect = "refresh_encoder"  # 10 epochs, tonight
priority = 60
severity = "warning"
alert = "EncoderKLDivergenceHigh"
stale_after = "2 d"

[[guard]]
name = "gpu_utilization_high"
scope = "account"
metric = "gpu_util_pct"
expected = [2, 10]
when = "> 60"
confirm = "for 10 min"
only_if = "learner_progress <= 0"  # busy without progress is a loop
effect = "restart_learner"
priority = 70
severity = "warning"
alert = "GPUUtilizationHigh"
stale_after = "5 min"

[[guard]]
name = "learner_given_up"
scope = "account"
metric = "learner_running"
when = "< 1"
effect = "page"
priority = 75
severity = "critical"
alert = "LearnerGivenUp"
stale_after = "5 min"

[[guard]]
name = "consecutive_losses_high"
scope = "arm"
metric = "consecutive_losses"
expected = [0, 4]
when = ">= 5"
effect = "review"  # advisory; does not block scaling
priority = 80
severity = "warning"
alert = "ConsecutiveLossesHigh"
"""

DEFAULT_CHECKLIST = parse_checklist(tomllib.loads(DEFAULT_TEXT)["guard"], (), "built-in checklist")
"""The checklist of a desk that declares nothing."""
