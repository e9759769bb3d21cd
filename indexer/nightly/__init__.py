"""`index nightly`: what came since the last night, what is found in it, and a report that says nothing twice."""
