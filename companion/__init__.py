"""Companion package of an executable book on deep learning for image recognition.

The package is made of floors, and imports go down only: `plotting` at the top, then `tasks`,
`training`, `models` and `data`, and on the ground `device`, `seeding` and `claims`. Importing this
package loads none of them: ask for what you need, for example
`from companion.data.images import read_image`.
"""

__version__ = "0.1.0"
