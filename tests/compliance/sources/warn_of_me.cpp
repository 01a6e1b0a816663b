int warn_of_me() { return 1; }
