module statusguard.io/bench/peer

go 1.24
