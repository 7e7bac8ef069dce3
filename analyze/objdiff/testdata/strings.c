/* Equal strings at other places are no change; other strings are. */
int say(const char *);
#ifdef NEW
int first(void) { return say("a longer sentence than before"); }
#else
int first(void) { return say("a sentence"); }
#endif
int second(void) { return say("hello"); }
#ifdef NEW
int third(void) { return say("world!"); }
#else
int third(void) { return say("world?"); }
#endif
