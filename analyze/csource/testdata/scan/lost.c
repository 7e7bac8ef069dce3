/* What belongs to nothing must be said to. */
int good(void) { return 1; }

{ 1, 2 },
{ 3, 4 },

int also_good(void) { return 2; }

??? no ;

int open(void) {
    if (
