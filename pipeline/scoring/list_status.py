"""The lists, and why an account is on one or on none; published in scores.parquet."""

KEEP, WIN_BACK, NO_LIST = "keep", "win_back", "none"

LISTED = "listed"
HELD_OUT = "held_out"  # would be listed; a coin says that nobody calls, so that calling is measured
DELAYED = "delayed"  # would be listed; a coin says that it is called from the next list on
LISTED_LATELY = "listed_lately"  # by an earlier list, where capacity is counted by month
ONE_OFF = "one_off"  # a customer of single projects: that it orders no more is no departure
RESTING = "resting"  # acted on lately, and the risk is in no higher band since
WITHOUT_PROFIT = "without_profit"  # a call costs more than there is to save
BEYOND_CAPACITY = "beyond_capacity"
