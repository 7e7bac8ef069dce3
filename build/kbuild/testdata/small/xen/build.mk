# Is there since 4.17: who reads the Makefiles knows by it how they hang together.
