/* Every compilation of Xen begins with this: no symbol is looked up at run time. */
#pragma GCC visibility push(hidden)
