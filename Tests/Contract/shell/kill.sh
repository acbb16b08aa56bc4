# contract: a compress with autosave goes on after SIGKILL; `make soak` tries more places
bash "$CONTRACT/kill.sh" 3
