"""Words, addresses, tokens, times and HTML: pure functions that know no noun of ours."""
