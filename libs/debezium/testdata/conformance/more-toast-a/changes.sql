update t set small = 2;
