"""Whether two pictures are one picture, edited: geometric verification, and what was changed.

`features` and `matching` find points that both show, `homography` the plane map that takes one picture to the other;
`superposition` lays them on each other, `sharpness` and `photometry` make them alike as captures, and `difference`,
`regions` and `agreement` say what is left. `evidence` gathers all of it, and `verdict` is the word for it. Pictures are
(height, width, 3) uint8 RGB; points and boxes are in pixels, the first pixel's centre at (0, 0). `opencv` is the one
door to OpenCV.
"""
