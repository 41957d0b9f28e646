#!/bin/sh
# Makes things fail under load, one at a time, and prints for each what clients saw and what became of the books.
# The drills are tests as well, which `make test` runs; here they run alone, so that nothing disturbs their times.
set -eu
cd "$(dirname "$0")/.."

report=$(mktemp)
trap 'rm -f "$report"' EXIT
PENSTOCK_DRILL_REPORT=$report
# a server that is missing would otherwise leave its lines out
PENSTOCK_REQUIRE="${PENSTOCK_REQUIRE-postgres,mysql,libsql}"
export PENSTOCK_DRILL_REPORT PENSTOCK_REQUIRE

outcome=0
if cargo nextest --version >/dev/null 2>&1; then
	cargo nextest run --workspace --test-threads 1 -E 'binary(e2e) and test(/^drill::/)' "$@" || outcome=$?
else
	cargo test --workspace --test e2e -- --test-threads 1 drill:: "$@" || outcome=$?
fi

[ -s "$report" ] || { echo "no drill has come to its end" >&2; exit 1; }
printf '\n'
{
	printf 'fault\trequests\tclient errors\trows lost\trows doubled\tseconds to recover\n'
	cat "$report"
} | awk -F '\t' '
	{
		rows = NR
		for (column = 1; column <= NF; column++) {
			cell[NR, column] = $column
			if (length($column) > width[column]) width[column] = length($column)
		}
		columns = NF
	}
	END {
		for (row = 1; row <= rows; row++) {
			line = sprintf("%-" width[1] "s", cell[row, 1])
			for (column = 2; column <= columns; column++)
				line = line sprintf("  %" width[column] "s", cell[row, column])
			print line
		}
	}'
exit "$outcome"
