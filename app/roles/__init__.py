"""What a process can be: each role builds its parts from the settings; app/main.py starts and stops them."""
