module statusguard.io/bench/load

go 1.24
