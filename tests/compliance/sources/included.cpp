int included() { return Included<int>{41}.next(); }
