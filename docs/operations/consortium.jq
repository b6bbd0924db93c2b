# Makes the specification of a consortium from the preset's: jq -f consortium.jq --slurpfile members FILE
# preset.json. FILE has one object for each company: name, host, account, aura, grandpa, peer.
#
# jq 1.6 writes 100000000000000000 as 1e+17, which no node reads: the amount leaves here as
# "amount:100000000000000000", and sed takes off the wrapping.
"amount:100000000000000000" as $money
| .name = "North, South and West"
| .id = "spb_nsw"
| .protocolId = "spb_nsw"
| .chainType = "Live"
| .bootNodes = [$members[] | "/dns/\(.host)/tcp/30333/p2p/\(.peer)"]
| .genesis.runtimeGenesis.patch |= (
    .balances.balances = [$members[] | [.account, $money]]
    | .session.keys = [$members[] | [.account, .account, {aura, grandpa}]]
    | .validators.validators = [$members[].account]
    | .spb.companies = [$members[].account]
    | .spb.manufacturers = []
  )
