-- One question of an analyst: grouped sums over all accounts, each read once. Nothing is written.
\set part random(2, 9)
SELECT bid, count(*), sum(abalance), avg(length(filler)) FROM pgbench_accounts WHERE aid % :part <> 0 GROUP BY bid;
