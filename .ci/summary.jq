# What must hold of the summary of a demo: jq --exit-status --raw-output --from-file summary.jq FILE
# ends with an error that names what does not. Money is in strings, because jq's numbers are not exact.
# A quarter-hour takes two blocks; the last CTP lives nine and has a grace of 20; ten are around
# (testbed/src/demo/plan/tests.rs).
{
	"trades settle": (.settled > 0),
	"some in part": (.partial > 0 and .partial <= .settled),
	"some CTPs expire": (.expired > 0),
	"producers are paid": (.paid | test("^[1-9][0-9]*$")),
	"a trade takes at most 125 bytes": (.bytes_per_trade > 0 and .bytes_per_trade <= 125),
	"every block's root is checked": (.blocks > 0 and .roots_checked == .blocks),
	"it ends when its last CTP may": (.blocks <= 2 * .quarters + 9 + 20 + 10),
	"every root is the database's": (.roots_equal == .roots_checked),
	"every block has one seal": (.bad_seals == 0),
	"no message is in a block": (.messages_in_bodies == 0),
	"money is conserved": .money_conserved,
	"energy is conserved": (.energy_conserved and .wh_offered == .wh_settled + .wh_unsold),
	"all went as planned": .as_planned,
	"nothing is left open": .all_closed,
	"readings and node are named": ((.readings | length) > 0 and (.node_version | length) > 0),
}
| to_entries
| map(select(.value != true) | .key)
| if length == 0 then "the demo shows what it should" else error("not so: " + join("; ")) end
