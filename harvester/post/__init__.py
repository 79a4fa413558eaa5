"""The seed format, pure: bytes <-> `Post`, the names of files and the two clocks of a post.

    Article --from_article--> Post --write_post--> bytes --read_post--> Post --published--> Instant

The form is that of the public collection NodeBE4/waimei: a Jekyll post with fixed keys, the epoch
in a comment, a link line, and the body as one line of HTML.
"""

from harvester.post.clocks import published
from harvester.post.diff import diff_posts
from harvester.post.files import read_post, write_post
from harvester.post.names import name_key, post_name
from harvester.post.post import Post
from harvester.post.text import clean_title

__all__ = [
    "Post",
    "clean_title",
    "diff_posts",
    "name_key",
    "post_name",
    "published",
    "read_post",
    "write_post",
]
