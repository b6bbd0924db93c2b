# What must hold of the summary of a quick evaluation: jq --exit-status --raw-output --from-file
# evaluation.jq FILE ends with an error that names what does not. Null is no number, and less than any.
def is_below($limit): type == "number" and . > 0 and . < $limit;

{
	"a trade takes a third of the baseline's bytes": (.bytes_ratio | type == "number" and . > 0 and . <= 0.33),
	"its producer is paid sooner": (.delay_ratio | is_below(1)),
	"a hundred trades are done sooner": (.time_100_ratio | is_below(1)),
	"it costs less": (.fee_ratio | is_below(1)),
	"a trade takes at most 125 bytes": (.bytes_per_trade | type == "number" and . > 0 and . <= 125),
	"what is not for a quick one is left out":
		([.import_5000_s, .database_cost_ratio, .saturation_ratio] | all(. == null)),
	"runs are counted": (.runs > 0),
	"machine, date, commit and command are named":
		([.machine, .date, .commit, .command] | all(type == "string" and length > 0)),
}
| to_entries
| map(select(.value != true) | .key)
| if length == 0 then "the evaluation shows what it should" else error("not so: " + join("; ")) end
