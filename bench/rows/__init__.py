"""What is measured: each row's requests, the status each must get, and how every hundredth answer is judged.

Requests are made before the clock runs, except where one answer is part of the next request.
"""
