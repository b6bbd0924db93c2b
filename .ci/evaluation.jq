# What must hold of the summary of a quick evaluation: jq --exit-status --raw-output --from-file
# evaluation.jq FILE ends with an error that names what does not. Not the goals, which are for a quiet
# machine: only what follows from the design.
. as $all
| {
	"a trade takes at most half of the baseline's bytes": (.bytes_ratio > 0 and .bytes_ratio < 0.5),
	"a trade takes at most 125 bytes": (.bytes_per_trade > 0 and .bytes_per_trade <= 125),
	"a trade costs less than the baseline": (.fee_ratio > 0 and .fee_ratio < 1),
	"every ratio is measured": (
		["delay_ratio", "time_100_ratio", "saturation_ratio", "saturation_trades_per_s"]
		| all($all[.] > 0)
	),
	"what is not for a quick one is left out": (
		["import_5000_s", "database_cost_ratio"] | all(. as $key | ($all | has($key)) and $all[$key] == null)
	),
	"runs are counted": (.runs > 0),
	"its origin is named": (
		["machine", "date", "commit", "command"]
		| all($all[.] | type == "string" and length > 0)
	),
}
| to_entries
| map(select(.value != true) | .key)
| if length == 0 then "the evaluation shows what it should" else error("not so: " + join("; ")) end
