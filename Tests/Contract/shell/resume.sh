# contract: train{checkpoint=, resume=} after SIGKILL; `make soak` tries more places
bash "$CONTRACT/resume.sh" 3
