"""Files of any format to canonical, judged rows."""
